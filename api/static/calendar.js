// The week as a calendar to drag in. Dragging decides nothing: it opens the form of that one day
// with the new time filled in, the same form that every entry of the list below leads to.
"use strict";

(() => {
  const place = document.getElementById("calendar");
  if (!place || !window.EventCalendar || matchMedia("(max-width: 47rem)").matches) return;
  const data = place.dataset;
  const two = (n) => String(n).padStart(2, "0");
  const day = (d) => `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  const form = (id, query = "") => { location.href = `/timetable/${id.replace("/", "/days/")}${query}`; };

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
    slotLabelFormat: (d) => `${two(d.getHours())}:${two(d.getMinutes())}`,
    // A quarter of an hour is one line high: the time and as much of the title as fits.
    eventContent: ({ event }) => `${two(event.start.getHours())}:${two(event.start.getMinutes())} ${event.title}`,
    dayHeaderFormat: { weekday: "short", day: "2-digit", month: "2-digit" },
    editable: data.mayPlan === "yes",
    eventDurationEditable: false,
    eventSources: [{ url: "/timetable/calendar.json", extraParams: { unit: data.unit } }],
    eventDidMount: ({ el }) => { el.removeAttribute("tabindex"); el.removeAttribute("role"); },
    eventClick: ({ event }) => form(event.id),
    eventDrop: ({ event, revert }) => {
      revert();
      form(event.id, `?to=${day(event.start)}&at=${two(event.start.getHours())}:${two(event.start.getMinutes())}`);
    },
  });
})();
