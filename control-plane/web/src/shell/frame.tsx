import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { sentenceOf } from "../api/problem.ts";
import { followLink, path } from "../routing/router.ts";
import { isPlatformAdmin, may } from "../session/rights.ts";
import { me, signOut } from "../session/session.ts";
import { toast } from "../ui/toast.tsx";
import { OrganizationChoice } from "./organization-choice.tsx";
import { chooseTheme, type Theme, theme } from "./theme.ts";

const isOnline = signal(navigator.onLine);
window.addEventListener("online", () => (isOnline.value = true));
window.addEventListener("offline", () => (isOnline.value = false));

/** Everything around a page: where one can go, who one is, and whether the network is there. */
export function Frame(props: { children: ComponentChildren }) {
  const [isOpen, setOpen] = useState(false);
  useEffect(() => setOpen(false), [path.value]);
  return (
    <div class="frame" onClick={followLink}>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="sidebar" data-open={isOpen}>
        <div class="brand-row">
          <a class="brand" href="/keys">
            <Mark />
            Keyward
          </a>
          <button type="button" class="button small menu-button" aria-expanded={isOpen} aria-controls="navigation" onClick={() => setOpen(!isOpen)}>
            Menu
          </button>
        </div>
        <div class="drawer" id="navigation">
          <OrganizationChoice />
          <nav aria-label="Main">
            <ul>
              <Entry to="/keys" label="API keys" icon="M10.5 2.5a3 3 0 1 1-2.6 4.5L3 11.9V13.5h2v-1.6h1.6v-1.6h1" />
              {may("groups:read") && <Entry to="/groups" label="Groups" icon="M2.5 5.5h4v-3h-4zM9.5 5.5h4v-3h-4zM6 13.5h4v-3H6zM4.500 5.500v2.500h7v-2.500M8 8v2.500" />}
              <Entry to="/organizations" label="Organizations" icon="M3 13.500v-11h6v11M9 6.500h4v7M1.500 13.500h13M5 5.500h2M5 8h2M5 10.500h2" />
              {may("audit:read") && <Entry to="/audit" label="Audit" icon="M3.500 2.500h9v11h-9zM6 5.500h4M6 8h4M6 10.500h2.500" />}
              {isPlatformAdmin.value && <Entry to="/sync" label="Sync" icon="M13 6A5.200 5.200 0 0 0 3.400 5M3 10a5.200 5.200 0 0 0 9.600 1M3 2.500V5.200h2.700M13 13.500v-2.700h-2.700" />}
              <Entry to="/settings" label="Settings" icon="M2 4.500h7M12.500 4.500H14M2 11.500h1.500M7 11.500h7M9 4.500a1.700 1.700 0 1 0 3.400 0 1.700 1.700 0 1 0-3.400 0M3.600 11.500a1.700 1.700 0 1 0 3.400 0 1.700 1.700 0 1 0-3.400 0" />
            </ul>
          </nav>
          <Person />
        </div>
      </header>
      <main id="main">
        {!isOnline.value && (
          <p class="offline" role="status">
            You are offline. What is shown may be old; nothing can be changed until the connection is back.
          </p>
        )}
        {props.children}
      </main>
    </div>
  );
}

function Entry(props: { to: string; label: string; icon: string }) {
  const isHere = path.value === props.to || path.value.startsWith(`${props.to}/`);
  return (
    <li>
      <a href={props.to} aria-current={isHere ? "page" : undefined}>
        <svg viewBox="0 0 16 16" class="icon" aria-hidden="true">
          <path d={props.icon} />
        </svg>
        {props.label}
      </a>
    </li>
  );
}

const KINDS: Record<string, string> = { platform_admin: "Platform admin", api_key: "API key", static_key: "Static key", user: "" };

function Person() {
  const who = me.value;
  if (!who) return null;
  const leave = () => signOut().catch((error) => toast(sentenceOf(error), "danger"));
  return (
    <div class="person">
      <p>
        <strong title={who.id}>{who.key_name ?? who.id}</strong>
        <span class="muted">{KINDS[who.kind]}</span>
      </p>
      <div class="person-actions">
        <label>
          <span class="visually-hidden">Colours</span>
          <select value={theme.value} onChange={(event) => chooseTheme(event.currentTarget.value as Theme)}>
            <option value="system">System</option>
            <option value="light">Light</option>
            <option value="dark">Dark</option>
          </select>
        </label>
        <button type="button" class="button small" onClick={leave}>
          Sign out
        </button>
      </div>
    </div>
  );
}

export const Mark = () => (
  <svg viewBox="0 0 32 32" class="mark" aria-hidden="true">
    <rect width="32" height="32" rx="8" />
    <path d="M11 7v18M21 8l-8 8 8 8" />
  </svg>
);
