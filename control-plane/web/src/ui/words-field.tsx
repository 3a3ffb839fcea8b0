import { useState } from "preact/hooks";
import { Field } from "./field.tsx";

/** Several short texts without spaces, each added with Enter, a space or a comma. */
export function WordsField(props: {
  label: string;
  hint?: string;
  fault?: string | null | undefined;
  words: readonly string[];
  suggestions?: readonly string[];
  onChange: (words: string[]) => void;
}) {
  const [text, setText] = useState("");
  const add = (typed: string) => {
    const fresh = typed.split(/[\s,]+/).filter((word) => word && !props.words.includes(word));
    if (fresh.length) props.onChange([...props.words, ...new Set(fresh)]);
    setText("");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if ((event.key === "Enter" || event.key === ",") && text.trim()) {
      event.preventDefault();
      add(text);
    } else if (event.key === "Backspace" && !text && props.words.length) {
      props.onChange(props.words.slice(0, -1));
    }
  };
  const left = props.suggestions?.filter((word) => !props.words.includes(word)) ?? [];
  return (
    <Field label={props.label} hint={props.hint} fault={props.fault}>
      {(field) => (
        <div class="words">
          {props.words.length > 0 && (
            <ul aria-label={`${props.label}, chosen`}>
              {props.words.map((word) => (
                <li key={word}>
                  <code>{word}</code>
                  <button type="button" aria-label={`Remove ${word}`} onClick={() => props.onChange(props.words.filter((other) => other !== word))}>
                    ×
                  </button>
                </li>
              ))}
            </ul>
          )}
          <input
            {...field}
            value={text}
            onInput={(event) => {
              const typed = event.currentTarget.value;
              if (/[\s,]/.test(typed)) add(typed);
              else setText(typed);
            }}
            onKeyDown={onKeyDown}
            onBlur={() => text.trim() && add(text)}
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
          />
          {left.length > 0 && (
            <p class="suggestions">
              {left.map((word) => (
                <button type="button" key={word} onClick={() => add(word)} aria-label={`Add ${word}`}>
                  + {word}
                </button>
              ))}
            </p>
          )}
        </div>
      )}
    </Field>
  );
}
