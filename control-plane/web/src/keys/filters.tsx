import { useEffect, useRef, useState } from "preact/hooks";
import { services } from "../settings/installation.ts";
import { me } from "../session/session.ts";
import { type Filter, filterOf, setFilter } from "./query.ts";

/** How long somebody may pause while typing before the server is asked. */
const PAUSE_MS = 80;

export function Filters() {
  return (
    <search class="filters">
      <Search />
      <Select name="status" label="Any status" options={[["active", "Active"], ["expired", "Expired"], ["deactivated", "Deactivated"], ["superseded", "Superseded"], ["revoked", "Revoked"]]} />
      <Select name="service_id" label="Any service" options={services.value.map((service) => [service, service])} />
      <Select name="environment" label="Any environment" options={[["production", "Production"], ["test", "Test"], ["development", "Development"]]} />
      <Select name="kind" label="Any kind" options={[["service", "Service keys"], ["gateway", "Gateway keys"]]} />
      <Select name="user_id" label="Anybody’s" options={[[me.value?.id ?? "", "Mine"]]} />
      {filterOf("group") && <Select name="group" label="Any group" options={[]} />}
    </search>
  );
}

function Search() {
  const [text, setText] = useState(filterOf("search"));
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const field = useRef<HTMLInputElement>(null);
  const applied = filterOf("search");
  // The address may change without this field: filters are cleared, or somebody goes back.
  useEffect(() => setText((text) => (text.trim() === applied ? text : applied)), [applied]);
  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      if (event.key !== "/" || (event.target as Element).closest("input, textarea, select, dialog")) return;
      event.preventDefault();
      field.current?.focus();
    };
    document.addEventListener("keydown", focus);
    return () => document.removeEventListener("keydown", focus);
  }, []);
  const type = (typed: string) => {
    setText(typed);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setFilter("search", typed.trim()), PAUSE_MS);
  };
  return (
    <label class="search">
      <span class="visually-hidden">Search by name, preview, owner or id</span>
      <input
        ref={field}
        type="search"
        placeholder="Search name, preview, owner or id"
        value={text}
        maxLength={100}
        onInput={(event) => type(event.currentTarget.value)}
      />
    </label>
  );
}

function Select(props: { name: Filter; label: string; options: [string, string][] }) {
  const value = filterOf(props.name);
  // A link from another page may ask for what is not offered here.
  const isOffered = !value || props.options.some(([offered]) => offered === value);
  return (
    <label data-active={Boolean(value)}>
      <span class="visually-hidden">{props.name === "user_id" ? "Managed by" : props.label.replace("Any ", "Filter by ")}</span>
      <select value={value} onChange={(event) => setFilter(props.name, event.currentTarget.value)}>
        <option value="">{props.label}</option>
        {!isOffered && <option value={value}>{value}</option>}
        {props.options.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}
