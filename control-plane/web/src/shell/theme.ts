/** Light or dark as the system says, unless somebody has chosen. */

import { signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const REMEMBERED = "keyward.theme";
const stored = localStorage.getItem(REMEMBERED);
export const theme = signal<Theme>(stored === "light" || stored === "dark" ? stored : "system");

/** Whether the system is dark just now. */
const system = matchMedia("(prefers-color-scheme: dark)");
export const isSystemDark = signal(system.matches);
system.addEventListener("change", () => {
  isSystemDark.value = system.matches;
});

export function chooseTheme(choice: Theme): void {
  localStorage.setItem(REMEMBERED, choice);
  theme.value = choice;
  applyTheme();
}

export function applyTheme(): void {
  document.documentElement.dataset.theme = theme.value;
}
