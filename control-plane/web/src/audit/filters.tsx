import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { actions } from "virtual:bounds";
import { query, setQuery } from "../routing/router.ts";

export const FILTERS = ["actor", "action", "target", "from", "to"] as const;

export function EventFilters(props: { children: ComponentChildren }) {
  return (
    <search class="filters">
      <label data-active={Boolean(query.value.get("action"))}>
        <span class="visually-hidden">Action</span>
        <select value={query.value.get("action") ?? ""} onChange={(event) => setQuery({ action: event.currentTarget.value || null })}>
          <option value="">Any action</option>
          {actions.map((action) => (
            <option key={action} value={action}>
              {action}
            </option>
          ))}
        </select>
      </label>
      <Text name="actor" label="Actor" />
      <Text name="target" label="Target id or subject" />
      <label>
        From <input type="date" value={query.value.get("from") ?? ""} onChange={(event) => setQuery({ from: event.currentTarget.value || null })} />
      </label>
      <label>
        Before <input type="date" value={query.value.get("to") ?? ""} onChange={(event) => setQuery({ to: event.currentTarget.value || null })} />
      </label>
      {props.children}
    </search>
  );
}

function Text(props: { name: "actor" | "target"; label: string }) {
  const applied = query.value.get(props.name) ?? "";
  const [text, setText] = useState(applied);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => setText((text) => (text.trim() === applied ? text : applied)), [applied]);
  return (
    <label>
      <span class="visually-hidden">{props.label}</span>
      <input
        type="search"
        placeholder={props.label}
        value={text}
        onInput={(event) => {
          const typed = event.currentTarget.value;
          setText(typed);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => setQuery({ [props.name]: typed.trim() || null }), 250);
        }}
      />
    </label>
  );
}
