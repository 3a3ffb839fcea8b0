import type { ComponentChildren, JSX } from "preact";
import { useId } from "preact/hooks";

export interface FieldAttributes {
  id: string;
  "aria-describedby": string | undefined;
  "aria-invalid": boolean;
}

/** A labelled control with its hint and what is wrong with it. */
export function Field(props: {
  label: ComponentChildren;
  hint?: ComponentChildren;
  fault?: string | null | undefined;
  class?: string;
  children: (attributes: FieldAttributes) => JSX.Element;
}) {
  const id = useId();
  const [hint, fault] = [`${id}-hint`, `${id}-fault`];
  const described = [props.fault && fault, props.hint && hint].filter(Boolean).join(" ");
  return (
    <div class={`field ${props.class ?? ""}`}>
      <label for={id}>{props.label}</label>
      {props.children({ id, "aria-describedby": described || undefined, "aria-invalid": Boolean(props.fault) })}
      {props.fault && (
        <p class="fault" id={fault}>
          {props.fault}
        </p>
      )}
      {props.hint && (
        <p class="hint" id={hint}>
          {props.hint}
        </p>
      )}
    </div>
  );
}

/** A few choices of which one holds, all in sight. */
export function Choice<T extends string>(props: {
  label: string;
  value: T;
  options: readonly { value: T; label: string; hint?: string }[];
  onChange: (value: T) => void;
}) {
  const name = useId();
  return (
    <fieldset class="choice">
      <legend>{props.label}</legend>
      {props.options.map(({ value, label, hint }) => (
        <label key={value}>
          <input type="radio" name={name} checked={props.value === value} onChange={() => props.onChange(value)} />
          <span>
            {label}
            {hint && <small>{hint}</small>}
          </span>
        </label>
      ))}
    </fieldset>
  );
}
