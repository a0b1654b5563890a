// The week as a calendar to drag in. Dragging decides nothing: it opens a form with the new day, time
// or length filled in, the same form that every entry of the list below leads to.
"use strict";

(() => {
  const place = document.getElementById("calendar");
  if (!place || !window.EventCalendar || matchMedia("(max-width: 47rem)").matches) return;
  const data = place.dataset;
  const DAYS = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"];
  const two = (n) => String(n).padStart(2, "0");
  const day = (d) => `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  const clock = (d) => `${two(d.getHours())}:${two(d.getMinutes())}`;
  const minutes = (from, to) => Math.round((to - from) / 60000);
  const go = (path, query = {}) => { location.href = `${path}?${new URLSearchParams(query)}`; };
  const dayPath = (id) => `/timetable/${id.replace("/", "/days/")}`;
  const mayPlan = data.mayPlan === "yes";

  place.hidden = false;
  // For the mouse alone: keyboards and screen readers have the list, which says and does the same.
  place.ariaHidden = "true";
  EventCalendar.create(place, {
    view: "timeGridWeek",
    date: data.first,
    firstDay: 1,
    locale: data.language,
    headerToolbar: { start: "", center: "", end: "" },
    allDaySlot: false,
    nowIndicator: true,
    height: "44rem",
    scrollTime: "04:30:00",
    slotDuration: "00:15:00",
    snapDuration: "00:05:00",
    slotLabelInterval: "01:00:00",
    slotLabelFormat: clock,
    eventContent: ({ event }) => ({ domNodes: content(event) }),
    dayHeaderFormat: { weekday: "short", day: "2-digit", month: "2-digit" },
    editable: mayPlan,
    selectable: mayPlan,
    eventSources: [{
      url: "/timetable/calendar.json",
      extraParams: { unit: data.unit, station: data.station, air: data.air },
    }],
    eventDidMount: ({ el }) => { el.removeAttribute("tabindex"); el.removeAttribute("role"); },
    eventClick: ({ event }) => go(dayPath(event.id)),
    eventDrop: ({ event, revert }) => {
      revert();
      go(dayPath(event.id), { to: day(event.start), at: clock(event.start) });
    },
    eventResize: ({ event, revert }) => {
      revert();
      go(dayPath(event.id), { minutes: minutes(event.start, event.end) });
    },
    select: ({ start, end }) => go("/timetable/new", {
      valid_from: day(start), days: DAYS[start.getDay()], starts_at: clock(start),
      minutes: minutes(start, end), audience: data.audience, back: data.back,
    }),
  });

  // A quarter of an hour is one line high: what is wrong, the time, and as much of the title as fits.
  function content(event) {
    const marks = [["collides", "warn"], ["draft", "draft"]].filter(([name]) => event.classNames.includes(name));
    const words = [clock(event.start), event.title, ...marks.map(([name]) => `(${data[name]})`)];
    // The word of a mark stands before the title, which may be cut off.
    const [time, title, ...told] = words;
    return [...marks.map(([, icon]) => symbol(icon)), document.createTextNode([time, ...told, title].join(" "))];
  }

  function symbol(name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    svg.setAttribute("class", "icon");
    use.setAttribute("href", `${data.icons}#${name}`);
    svg.append(use);
    return svg;
  }
})();
