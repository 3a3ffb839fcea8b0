import { signal } from "@preact/signals";

/** Now, a minute exact: relative times follow it. */
const now = signal(Date.now());
setInterval(() => {
  now.value = Date.now();
}, 20_000);

const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];

/** Near moments by how far they are, far ones by their date; the exact one on hover and for machines. */
export function Time(props: { at: string | null | undefined; none?: string; exact?: boolean }) {
  if (!props.at) return <span class="muted">{props.none ?? "–"}</span>;
  const at = new Date(props.at);
  return (
    <time dateTime={props.at} title={full.format(at)}>
      {props.exact ? full.format(at) : inWords(at, now.value)}
    </time>
  );
}

function inWords(at: Date, now: number): string {
  const seconds = Math.round((at.getTime() - now) / 1000);
  const distance = Math.abs(seconds);
  if (distance < 45) return "just now";
  if (distance >= 30 * 86_400) return day.format(at);
  const [unit, length] = UNITS.find(([, length]) => distance >= length) ?? ["minute", 60];
  return relative.format(Math.round(seconds / length) || Math.sign(seconds), unit);
}

/** A duration such as a lag, in two units at most. */
export function durationInWords(seconds: number): string {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.round((seconds % 86_400) / 3600)} h`;
}

/** How long ago a moment was. */
export const secondsSince = (at: string): number => (now.value - new Date(at).getTime()) / 1000;
