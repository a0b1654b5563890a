"""
How long a spoken programme takes to become three renditions, beside what others would do.

    .venv/bin/python benchmarks/transcode.py [--quick] [--json]

MP3 64 k mono 32 kHz, MP3 128 k mono 44.1 kHz and Opus 24 k, at -16 LUFS. Rounds are interleaved
(A B C …, A B C …); ratios are of medians. The peers get the programme already joined, and are not
asked to measure what they made; ours joins ident and sign-off itself and measures every output.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from audio.facts import Facts
from audio.ffmpeg import find_ffmpeg
from audio.measure import measure
from audio.profiles import Profile
from audio.render import render
from audio.speech import has_speech, hum, speak

TARGET, CEILING = -16.0, -1.0
PROFILES = [
    Profile("mp3-64", "mp3", 64, 32_000, 1),
    Profile("mp3-128", "mp3", 128, 44_100, 1),
    Profile("opus-24", "opus", 24, 48_000, 1),
]
CODING = {
    "mp3": ["-c:a", "libmp3lame", "-b:a", "64k", "-ar", "32000", "-ac", "1"],
    "2.mp3": ["-c:a", "libmp3lame", "-b:a", "128k", "-ar", "44100", "-ac", "1"],
    "opus": ["-c:a", "libopus", "-b:a", "24k", "-ar", "48000", "-ac", "1"],
}
TEXT = (
    "Kính thưa bà con. Sau đây là chuyên mục giảm nghèo bền vững. Năm nay xã ta có mười hai hộ "
    "thoát nghèo nhờ nuôi cá lồng, trồng nấm, và vay vốn của ngân hàng chính sách. Ông Năm kể: "
    "trước kia nhà dột, nay con cái được đi học! Mời bà con theo dõi chương trình ngày mai. "
)


def ffmpeg(*options: str | Path) -> subprocess.CompletedProcess[str]:
    argv = [find_ffmpeg(), "-hide_banner", "-nostdin", "-nostats", "-y", *options]
    return subprocess.run(list(map(str, argv)), check=True, capture_output=True, text=True)


def heard(file: Path, filters: str) -> str:
    """What a filter says about a file."""
    return ffmpeg("-i", file, "-af", filters, "-f", "null", "-").stderr


def side_by_side(commands: Sequence[Sequence[str | Path]]) -> None:
    argv = [find_ffmpeg(), "-v", "error", "-nostdin", "-y"]
    running = [subprocess.Popen(list(map(str, [*argv, *command]))) for command in commands]
    if any(process.wait() for process in running):
        raise SystemExit("a peer failed; no ratio is printed")


@dataclass(frozen=True)
class Material:
    """The same programme in every form that a contestant starts from."""

    body: Path
    ident: Path
    joined: Path  # for the peers
    raw: dict[str, Path]  # for the floor: samples as the coder wants them
    facts: Facts
    seconds: int
    folder: Path

    def out(self, who: str) -> Path:
        folder = self.folder / who
        folder.mkdir(exist_ok=True)
        return folder


def make_material(folder: Path, seconds: int) -> Material:
    voice, ident = folder / "voice.wav", folder / "ident.wav"
    if has_speech():
        speak(TEXT * 4, voice)
        speak("Đây là Đài Phát thanh và Truyền hình Hà Nam.", ident)
    else:
        hum(voice, 90, seed=1)
        hum(ident, 4, seed=2)
    body, joined = folder / "body.wav", folder / "joined.wav"
    bed = f"anoisesrc=c=pink:a=0.015:r=48000:seed=1:d={seconds}"
    mix = "[0]aresample=48000,aformat=channel_layouts=stereo[v];[1]aformat=channel_layouts=stereo"
    mix += "[b];[v][b]amix=duration=shortest:normalize=0"
    ffmpeg("-stream_loop", "-1", "-i", voice, "-f", "lavfi", "-i", bed,
           "-filter_complex", mix, "-t", str(seconds), body)  # fmt: skip
    three = (
        "[0]aresample=48000,aformat=channel_layouts=stereo,asplit[a][c];[a][1][c]concat=n=3:v=0:a=1"
    )
    ffmpeg("-i", ident, "-i", body, "-filter_complex", three, joined)
    raw = {}
    for name, coding in CODING.items():
        raw[name] = folder / f"{name}.wav"
        ffmpeg("-i", joined, *coding[4:], raw[name])
    return Material(body, ident, joined, raw, measure(body), seconds, folder)


def ours(material: Material) -> None:
    ident = material.ident
    into = material.out("ours")
    render(material.body, PROFILES, into, facts=material.facts, ident=ident, sign_off=ident)


def loudnorm(material: Material) -> None:
    """Two passes of loudnorm, one decode, three outputs."""
    wish = f"loudnorm=I={TARGET}:TP=-1.5:LRA=11"
    log = ffmpeg(
        "-i", material.joined, "-af", f"{wish}:print_format=json", "-f", "null", "-"
    ).stderr
    found = json.loads(log[log.rindex("{") : log.rindex("}") + 1])
    pairs = [("I", "i"), ("TP", "tp"), ("LRA", "lra"), ("thresh", "thresh")]
    given = ":".join(f"measured_{name}={found[f'input_{key}']}" for name, key in pairs)
    graph = f"[0]{wish}:{given}:offset={found['target_offset']}:linear=true,asplit=3[a][b][c]"
    into = material.out("loudnorm")
    outputs: list[str | Path] = []
    for pad, (name, coding) in zip("abc", CODING.items(), strict=True):
        outputs += ["-map", f"[{pad}]", *coding, into / f"out.{name}"]
    ffmpeg("-i", material.joined, "-filter_complex", graph, *outputs)


def best_ffmpeg(material: Material) -> None:
    """ebur128, one linear gain, three encoders side by side."""
    log = heard(material.joined, "pan=mono|c0=0.5*c0+0.5*c1,ebur128=framelog=verbose")
    lufs = float(log.rsplit("I:", 1)[1].split()[0])
    chain = f"pan=mono|c0=0.5*c0+0.5*c1,volume={TARGET - lufs:.2f}dB,alimiter=limit=0.75:level=0"
    into = material.out("best")
    side_by_side(
        [["-i", material.joined, "-af", chain, *c, into / f"out.{n}"] for n, c in CODING.items()]
    )


def floor(material: Material) -> None:
    """The three encoders alone, from raw sound."""
    into = material.out("floor")
    side_by_side([["-i", material.raw[n], *c, into / f"out.{n}"] for n, c in CODING.items()])


PYDUB = """
import sys
from pydub import AudioSegment
from pydub.effects import normalize
ident, body, out = sys.argv[1:]
whole = AudioSegment.from_file(ident) + AudioSegment.from_file(body) + AudioSegment.from_file(ident)
whole = normalize(whole.set_channels(1))
whole.set_frame_rate(32000).export(out + "/out.mp3", format="mp3", bitrate="64k")
whole.set_frame_rate(44100).export(out + "/out.2.mp3", format="mp3", bitrate="128k")
whole.export(out + "/out.opus", format="opus", bitrate="24k")
"""


def usual_pydub(material: Material) -> None:
    argv = [sys.executable, "-W", "ignore", "-c", PYDUB]
    files = [material.ident, material.body, material.out("pydub")]
    subprocess.run([*argv, *map(str, files)], check=True)


def make_normalizer(folder: Path) -> Callable[[Material], None]:
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    pip = [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*map(str, pip), "ffmpeg-normalize"], check=True)

    def normalize(material: Material) -> None:
        into = material.out("normalize")
        for name, (_, codec, _, bitrate, _, rate, *_mono) in CODING.items():
            argv = [python.parent / "ffmpeg-normalize", material.joined, "-f", "-q"]
            argv += ["-o", into / f"out.{name}", "-t", str(TARGET), "-tp", "-1.5"]
            argv += ["-c:a", codec, "-b:a", bitrate, "-ar", rate, "-e=-ac 1"]
            subprocess.run(list(map(str, argv)), check=True, capture_output=True)

    return normalize


def check_outputs(material: Material, who: str) -> tuple[float, float]:
    """Worst loudness error and true peak, by ffmpeg's own meter at 192 kHz; the length counts."""
    worst, peak, files = 0.0, -99.0, sorted(material.out(who).glob("*.*"))
    for file in files:
        log = ffmpeg(
            "-i", file, "-af", "ebur128=peak=true:framelog=verbose", "-f", "null", "-"
        ).stderr
        worst = max(worst, abs(float(log.rsplit("I:", 1)[1].split()[0]) - TARGET))
        peak = max(peak, float(log.rsplit("Peak:", 1)[1].split()[0]))
        length_s = measure(file).ms / 1000
        if not material.seconds - 1 < length_s < material.seconds + 30:
            raise SystemExit(
                f"{who} made {length_s} s of {material.seconds} s; no ratio is printed"
            )
    if len(files) != len(CODING):
        raise SystemExit(f"{who} made {len(files)} files; no ratio is printed")
    return round(worst, 2), peak


def tree_pss_mb(root: int) -> float:
    """Memory of a process and all below it; what they share counts once."""
    kib, todo = 0, [root]
    while todo:
        pid = todo.pop()
        try:
            children = [t.read_text() for t in Path(f"/proc/{pid}/task").glob("*/children")]
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        todo += [int(child) for line in children for child in line.split()]
        kib += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return kib / 1024


MEMORY = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from transcode import PROFILES, measure, render
master = Path(sys.argv[1])
render(master, PROFILES, Path(sys.argv[2]), facts=measure(master))
"""


def peak_mb(folder: Path, seconds: int, source: Path) -> float:
    long = folder / "long.flac"
    ffmpeg("-stream_loop", "-1", "-i", source, "-t", str(seconds), long)
    argv = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        MEMORY,
        long,
        folder / "mem",
        Path(__file__).parent,
    ]
    process = subprocess.Popen(list(map(str, argv)))
    highest, ended = 0.0, threading.Event()
    while process.poll() is None:
        highest = max(highest, tree_pss_mb(process.pid))
        ended.wait(0.1)
    if process.returncode:
        raise SystemExit("the long render failed; no figure is printed")
    return round(highest)


def race(
    contestants: dict[str, Callable[[Material], None]], material: Material, rounds: int
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Wall seconds of every round, and the median of the processor seconds."""
    took: dict[str, list[float]] = {name: [] for name in contestants}
    worked: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            shutil.rmtree(material.out(name))
            began, before = time.perf_counter(), processor_s()
            run(material)
            took[name].append(time.perf_counter() - began)
            worked[name].append(processor_s() - before)
    return took, {name: statistics.median(seconds) for name, seconds in worked.items()}


def processor_s() -> float:
    """Of this process and of all that it started: on a busy machine truer than the wall clock."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in spent)


def quality_check_speed(material: Material, rounds: int) -> list[float]:
    mp3 = material.folder / "programme.mp3"
    ffmpeg("-i", material.joined, "-b:a", "128k", mp3)
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        measure(mp3)
        took.append(time.perf_counter() - began)
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--quick", action="store_true", help="a short programme, two rounds")
    parser.add_argument("--json", action="store_true", help="only the last line: one JSON object")
    options = parser.parse_args()
    seconds, rounds, long_s = (40, 1, 60) if options.quick else (1800, 5, 7200)
    with tempfile.TemporaryDirectory() as name:
        result = run_all(Path(name), seconds, rounds, long_s, quiet=options.json)
    print(json.dumps(result))


def run_all(
    folder: Path, seconds: int, rounds: int, long_s: int, *, quiet: bool
) -> dict[str, float]:
    material = make_material(folder, seconds)
    contestants = {
        "ours": ours,
        "loudnorm": loudnorm,
        "best": best_ffmpeg,
        "floor": floor,
        "pydub": usual_pydub,
        "normalize": make_normalizer(folder),
    }
    took, worked = race(contestants, material, rounds)
    errors = {name: check_outputs(material, name) for name in contestants}
    checks = quality_check_speed(material, rounds)
    middle = {name: statistics.median(times) for name, times in took.items()}
    if not quiet:
        print(f"{seconds} s of speech, {rounds} round(s)\n")
        columns = ("min", "max", "ours /", "cpu s", "LU off", "dBTP")
        print(f"{'':12}{'median s':>10}" + "".join(f"{column:>8}" for column in columns))
        for who, times in took.items():
            off, peak = errors[who]
            row = f"{who:12}{middle[who]:10.2f}{min(times):8.2f}{max(times):8.2f}"
            print(
                f"{row}{middle['ours'] / middle[who]:8.2f}{worked[who]:8.1f}{off:8.2f}{peak:8.1f}"
            )
    peers = {"ffmpeg": "loudnorm", "best_ffmpeg": "best", "ffmpeg_normalize": "normalize"}
    peers |= {"floor": "floor", "pydub": "pydub"}
    walls = {
        f"transcode_wall_vs_{key}": round(middle["ours"] / middle[who], 3)
        for key, who in peers.items()
    }
    cpus = {
        f"transcode_cpu_vs_{key}": round(worked["ours"] / worked[who], 3)
        for key, who in peers.items()
    }
    return {
        **walls,
        **cpus,
        "transcode_peak_mb": peak_mb(folder, long_s, material.body),
        "transcode_lufs_error": errors["ours"][0],
        "transcode_true_peak": errors["ours"][1],
        "measure_x_realtime": round(seconds / statistics.median(checks)),
        "programme_s": seconds,
        "memory_programme_s": long_s,
    }


if __name__ == "__main__":
    main()
