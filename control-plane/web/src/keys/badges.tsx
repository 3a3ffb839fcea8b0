import { Badge } from "../ui/state.tsx";
import { EDGE_WORDS, type Key, LIFE_TONE, lifeOf } from "./model.ts";

export function LifeBadge(props: { of: Key }) {
  const life = lifeOf(props.of);
  return <Badge tone={LIFE_TONE[life]}>{life[0]?.toUpperCase() + life.slice(1)}</Badge>;
}

export function EdgeBadge(props: { of: Key }) {
  const { edge } = props.of;
  if (!edge) return <span class="muted">–</span>;
  const { tone, label, meaning } = EDGE_WORDS[edge.state];
  return (
    <Badge tone={tone} title={meaning}>
      {label}
    </Badge>
  );
}

/** Words such as scopes, the first few of them. */
export function Words(props: { of: readonly string[]; most?: number; none?: string }) {
  const { of: words, most = 3 } = props;
  if (!words.length) return <span class="muted">{props.none ?? "–"}</span>;
  return (
    <span class="word-list" title={words.join(", ")}>
      {words.slice(0, most).map((word) => (
        <code key={word}>{word}</code>
      ))}
      {words.length > most && <span class="muted">+{words.length - most}</span>}
    </span>
  );
}
