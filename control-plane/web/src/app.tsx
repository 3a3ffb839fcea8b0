import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import Audit from "./audit/audit.tsx";
import Groups from "./groups/groups.tsx";
import CreateKey from "./keys/create.tsx";
import KeyPage from "./keys/key.tsx";
import KeyList from "./keys/list.tsx";
import Organizations from "./organizations/list.tsx";
import OrganizationPage from "./organizations/organization.tsx";
import Settings from "./settings/settings.tsx";
import Sync from "./sync/sync.tsx";
import { match, navigate, path } from "./routing/router.ts";
import { resume, state } from "./session/session.ts";
import { SignIn } from "./session/sign-in.tsx";
import { Frame } from "./shell/frame.tsx";
import { Heading } from "./shell/heading.tsx";
import { Empty, Notice, Skeleton } from "./ui/state.tsx";
import { Toasts } from "./ui/toast.tsx";

const PAGES: [string, (parameters: Record<string, string>) => ComponentChildren][] = [
  ["/keys", () => <KeyList />],
  ["/keys/new", () => <CreateKey />],
  ["/keys/:id", ({ id }) => <KeyPage key={id} id={id ?? ""} />],
  ["/groups", () => <Groups />],
  ["/organizations", () => <Organizations />],
  ["/organizations/:id", ({ id }) => <OrganizationPage key={id} id={id ?? ""} />],
  ["/audit", () => <Audit />],
  ["/sync", () => <Sync />],
  ["/settings", () => <Settings />],
];

export function App() {
  useEffect(() => void resume(), []);
  return (
    <>
      <Entrance />
      <Toasts />
    </>
  );
}

function Entrance() {
  switch (state.value.is) {
    case "unknown":
      return <main class="alone"><Skeleton lines={3} /></main>;
    case "unreachable":
      return <Unreachable />;
    case "out":
      return <SignIn ended={state.value.ended} />;
    case "in":
      return (
        <Frame>
          <Page />
        </Frame>
      );
  }
}

function Page() {
  const isRoot = path.value === "/";
  useEffect(() => {
    if (isRoot) void navigate("/keys", { replace: true });
  }, [isRoot]);
  for (const [pattern, page] of PAGES) {
    const parameters = match(pattern, path.value);
    if (parameters) return <>{page(parameters)}</>;
  }
  if (isRoot) return <Skeleton />;
  return (
    <>
      <Heading title="No such page" />
      <Empty title="There is nothing at this address">
        <a class="button" href="/keys">
          To the API keys
        </a>
      </Empty>
    </>
  );
}

function Unreachable() {
  useEffect(() => {
    const timer = setInterval(resume, 5000);
    return () => clearInterval(timer);
  }, []);
  return (
    <main class="alone">
      <h1>Keyward</h1>
      <Notice tone="warning" title="Offline" action={<button type="button" class="button small" onClick={resume}>Try again</button>}>
        The control plane cannot be reached. This page tries again every few seconds.
      </Notice>
    </main>
  );
}
