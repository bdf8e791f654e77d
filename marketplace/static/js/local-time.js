// Rewrites moments in the reader's own zone, with the zone shown; the server's writing stays as the tooltip.
const spoken = document.documentElement.lang === "es" ? "es" : "en-GB";
const day = new Intl.DateTimeFormat(spoken, { day: "numeric", month: "short", year: "numeric" });
const clock = new Intl.DateTimeFormat("en-US", {
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
  timeZoneName: "short",
});

for (const element of document.querySelectorAll("time[data-moment]")) {
  const at = new Date(element.dateTime);
  if (Number.isNaN(at.getTime())) continue;
  element.title = element.textContent;
  // September has four letters there; the house writes three.
  element.textContent = `${day.format(at).replace(/ept/, "ep")}, ${clock.format(at)}`;
}
