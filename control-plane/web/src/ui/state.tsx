/** What is shown instead of content: while it loads, when there is none, and when it could not be had. */

import type { ComponentChildren } from "preact";
import type { Loaded } from "../api/load.ts";
import { Offline, Problem, sentenceOf } from "../api/problem.ts";

export type Tone = "neutral" | "good" | "warning" | "danger" | "accent";

export function Notice(props: { tone: Tone; title?: string; children: ComponentChildren; action?: ComponentChildren }) {
  return (
    <div class={`notice ${props.tone}`} role={props.tone === "danger" ? "alert" : undefined}>
      <div>
        {props.title && <strong>{props.title}</strong>}
        <div>{props.children}</div>
      </div>
      {props.action}
    </div>
  );
}

export function Badge(props: { tone: Tone; title?: string | undefined; children: ComponentChildren }) {
  return (
    <span class={`badge ${props.tone}`} title={props.title}>
      {props.children}
    </span>
  );
}

export function Empty(props: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <svg viewBox="0 0 48 48" aria-hidden="true">
        <circle cx="17" cy="24" r="8" />
        <path d="M25 24h18M37 24v7M31 24v5" />
      </svg>
      <h2>{props.title}</h2>
      {props.children}
    </div>
  );
}

export function Failure(props: { error: unknown; retry?: () => void }) {
  const { error } = props;
  const isOffline = error instanceof Offline;
  const isAbsent = error instanceof Problem && error.status === 404;
  return (
    <Notice
      tone={isOffline ? "warning" : "danger"}
      title={isOffline ? "Offline" : isAbsent ? "Not found" : "That did not work"}
      action={
        props.retry && (
          <button type="button" class="button small" onClick={props.retry}>
            Try again
          </button>
        )
      }
    >
      {sentenceOf(error)}
      {error instanceof Problem && error.requestId && <small class="request-id">Request {error.requestId}</small>}
    </Notice>
  );
}

export function Skeleton(props: { lines?: number }) {
  return (
    <div class="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: props.lines ?? 6 }, (_, line) => (
        <div key={line} />
      ))}
    </div>
  );
}

/** Content once it is there; what was there before stays while it is fetched anew, and beside an error. */
export function Show<T>(props: { of: Loaded<T>; lines?: number; children: (data: T) => ComponentChildren }) {
  const { data, error, reload } = props.of;
  return (
    <>
      {error !== undefined && <Failure error={error} retry={reload} />}
      {data !== undefined ? props.children(data) : error === undefined && <Skeleton lines={props.lines ?? 6} />}
    </>
  );
}
