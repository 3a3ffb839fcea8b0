/** How buckets of time are called. They begin and end in UTC, as the server counts. */

export type Granularity = "hour" | "day" | "month";

const format = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(undefined, { timeZone: "UTC", ...options });

const NAMES: Record<Granularity, Intl.DateTimeFormat> = {
  hour: format({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hour12: false }),
  day: format({ day: "numeric", month: "short", year: "numeric" }),
  month: format({ month: "long", year: "numeric" }),
};

const TICKS: Record<Granularity, Intl.DateTimeFormat> = {
  hour: format({ hour: "2-digit", minute: "2-digit", hour12: false }),
  day: format({ day: "numeric", month: "short" }),
  month: format({ month: "short" }),
};

export const bucketName = (from: string, granularity: Granularity): string => NAMES[granularity].format(new Date(from));
export const bucketTick = (seconds: number, granularity: Granularity): string => TICKS[granularity].format(new Date(seconds * 1000));
