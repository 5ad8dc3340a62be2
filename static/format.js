// Values as people read them: times in their own time zone, numbers with separators.

import { element } from "./elements.js";

// The pages are in English, so dates are too: in the reader's own kind of it, if they have one.
const LANGUAGE = navigator.languages.find((tag) => /^en\b/i.test(tag)) ?? "en-GB";

const UNITS = [
  ["year", 365 * 86_400],
  ["month", 30 * 86_400],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

const relativeTimes = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto" });
const numbers = new Intl.NumberFormat(LANGUAGE);
let times = {};
useTimeZone(undefined);

// The browser's own zone until the account's is known; one that the browser does not know changes nothing.
export function useTimeZone(timeZone) {
  const make = (options) => new Intl.DateTimeFormat(LANGUAGE, { timeZone, ...options });
  try {
    times = {
      exact: make({
        year: "numeric", month: "short", day: "numeric",
        hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
      }),
      short: make({ month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" }),
      date: make({ dateStyle: "medium" }),
      timeOfDay: make({ timeStyle: "medium" }),
      hour: make({ hour: "2-digit", minute: "2-digit" }),
      // Swedes write times as machines do: 2030-01-31 14:05:00.
      machine: new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" }),
    };
  } catch {
    // Kept as it was.
  }
}

export const exactTime = (time) => times.exact.format(new Date(time));
export const date = (time) => times.date.format(new Date(time));
export const timeOfDay = (time) => times.timeOfDay.format(new Date(time));
export const hour = (time) => times.hour.format(new Date(time));

// The moments at which a day such as "2030-01-31" begins and ends where the reader is. What is no day stays as it is.
export const dayStart = (day) => atMidnight(day, 0, 0);
export const dayEnd = (day) => atMidnight(day, 1, -1);

function atMidnight(day, daysLater, more) {
  if (!/^\d{4}-\d\d-\d\d$/.test(day)) return day;
  const wanted = Date.parse(day) + daysLater * 86_400_000;
  let moment = wanted;
  // Twice, as the clocks may be changed between the first guess and midnight.
  for (let guess = 0; guess < 2; guess += 1) moment += wanted - Date.parse(`${times.machine.format(moment).replace(" ", "T")}Z`);
  return new Date(moment + more).toISOString();
}

export const number = (value) => numbers.format(value);
export const brief = (text) => (text.length > 120 ? `${text.slice(0, 120)}…` : text);
export const capitalised = (word) => word.charAt(0).toUpperCase() + word.slice(1);

// "1 key", "2 keys".
export const count = (value, noun, plural = `${noun}s`) => `${number(value)} ${value === 1 ? noun : plural}`;

// "4 minutes ago", "in 3 days". The clocks of server and browser may differ a little, hence no "in 2 seconds".
export function timeAgo(time, now = Date.now()) {
  const seconds = (now - new Date(time)) / 1000;
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) return relativeTimes.format(-Math.trunc(seconds / length), unit);
  }
  return seconds < -5 ? "in less than a minute" : "just now";
}

// "4 minutes ago", with the exact time on demand; `never` where there is no time.
export function timeElement(time, never = "Never") {
  return time ? element("time", { datetime: time, title: exactTime(time) }, timeAgo(time)) : never;
}

// "31 Jan, 14:05:00", with the year and the zone on demand.
export function momentElement(time) {
  const recent = Math.abs(Date.now() - new Date(time)) < 300 * 86_400_000;
  return element("time", { datetime: time, title: exactTime(time) }, recent ? times.short.format(new Date(time)) : exactTime(time));
}

// "14:32", or "1:02:03" from an hour on.
export function duration(seconds) {
  const two = (value) => String(value).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  const rest = two(seconds % 60);
  if (minutes < 60) return `${minutes}:${rest}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${rest}`;
}
