# Sets up one box: accounts, folders, cage, key, player, service. "loa station install" puts the
# values and the files before these lines and runs all of it over the operator's own ssh.
# Run again, it changes what differs and nothing else. Steps 1 to 5 of docs/station-setup.md.
set -eu
umask 022

say() { echo "loa: $*"; }
fail() { echo "loa: $*" >&2; exit 1; }

# put OWNER:GROUP MODE PATH < content: whole or not at all; says whether it changed anything.
put() {
    target="$PREFIX$3"
    mkdir -p "$(dirname "$target")"
    (umask 077 && cat >"$target.part")
    if [ -f "$target" ] && cmp -s "$target" "$target.part"; then
        rm -f "$target.part"
        return 1
    fi
    [ -n "$PREFIX" ] || chown "$1" "$target.part"
    chmod "$2" "$target.part"
    mv -f "$target.part" "$target"
    say "wrote $3"
}

# folder OWNER:GROUP MODE PATH
folder() {
    mkdir -p "$PREFIX$3"
    [ -n "$PREFIX" ] || chown "$1" "$PREFIX$3"
    chmod "$2" "$PREFIX$3"
}

account() {
    id "$1" >/dev/null 2>&1 && return
    getent group "$1" >/dev/null || groupadd --system "$1"
    useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin \
        --gid "$1" "$1"
    say "made the account $1"
}

command -v python3 >/dev/null || fail "python3 is missing: apt install python3"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 7))' || fail "Python 3.7 or newer is needed"

key_path="$PREFIX/srv/loa/state/loa.key"
if [ -f "$key_path" ] && ! grep -qxF "$(key_file)" "$key_path"; then
    fail "this box holds the key of another station, or one that was changed: look at /srv/loa/state/loa.key"
fi

if [ -z "$PREFIX" ]; then
    [ "$(id -u)" = 0 ] || fail "this needs root: give root@HOST, or --sudo"
    [ -d /etc/ssh/sshd_config.d ] && grep -q '^Include /etc/ssh/sshd_config.d/' /etc/ssh/sshd_config ||
        fail "this sshd does not read /etc/ssh/sshd_config.d: do steps 1 to 5 by hand"
    account loa-hub
    account loa-player
    usermod -a -G audio loa-player
fi

folder root:root 755 /srv/loa
for name in in in/audio in/manifest; do folder loa-hub:loa-player 2750 "/srv/loa/$name"; done
for name in out out/asrun; do folder loa-player:loa-hub 2750 "/srv/loa/$name"; done
folder loa-player:loa-player 700 /srv/loa/state

# Over a key that is there nothing is written: it may be the first of two while keys change.
[ -f "$key_path" ] || key_file | put loa-player:loa-player 600 /srv/loa/state/loa.key

changed=0
player_file | put root:root 755 /opt/loa/player.py && changed=1
unit_file | put root:root 644 /etc/systemd/system/loa-player.service && changed=1
if [ -n "$RELAYS" ]; then
    relay_file | put root:root 644 /etc/systemd/system/loa-player.service.d/relays.conf && changed=1
fi
# The owner may have added his amplifier: what is there stays.
if [ -f "$PREFIX/etc/loa/player.args" ]; then
    grep -qxF -e "--station=$STATION" "$PREFIX/etc/loa/player.args" ||
        fail "/etc/loa/player.args speaks of another station"
else
    args_file | put root:root 644 /etc/loa/player.args && changed=1
fi

hub_key_file | put root:root 644 /etc/ssh/loa-hub.keys || true
if cage_file | put root:root 644 /etc/ssh/sshd_config.d/loa.conf && [ -z "$PREFIX" ]; then
    if ! sshd -t; then
        rm -f /etc/ssh/sshd_config.d/loa.conf
        fail "sshd refuses the cage; it was taken out again"
    fi
    systemctl reload ssh
fi

python3 -I "$PREFIX/opt/loa/player.py" --selftest || fail "the player does not work here"
if [ -z "$PREFIX" ]; then
    systemctl daemon-reload
    systemctl enable --quiet loa-player
    [ "$changed" = 0 ] && systemctl is-active --quiet loa-player || systemctl restart loa-player
    ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub || true
fi
[ "$changed" = 1 ] && say "done" || say "done; nothing had changed"
