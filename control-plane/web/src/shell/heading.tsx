import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

let isFirst = true;

/** The title of a page. It gets the focus when somebody comes to the page, so that a screen reader says where it is. */
export function Heading(props: { title: string; lead?: ComponentChildren; children?: ComponentChildren; back?: { to: string; label: string } }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${props.title} · Keyward`;
  }, [props.title]);
  useEffect(() => {
    if (!isFirst) heading.current?.focus({ preventScroll: true });
    isFirst = false;
  }, []);
  return (
    <header class="page-header">
      <div class="page-title">
        {props.back && (
          <a class="back" href={props.back.to}>
            ← {props.back.label}
          </a>
        )}
        <h1 ref={heading} tabIndex={-1}>
          {props.title}
        </h1>
        {props.lead && <div class="lead">{props.lead}</div>}
      </div>
      {props.children && <div class="page-actions">{props.children}</div>}
    </header>
  );
}
