/** Light or dark as the system says, unless somebody has chosen. */

import { signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const REMEMBERED = "keyward.theme";
const stored = localStorage.getItem(REMEMBERED);
export const theme = signal<Theme>(stored === "light" || stored === "dark" ? stored : "system");

export function chooseTheme(choice: Theme): void {
  localStorage.setItem(REMEMBERED, choice);
  theme.value = choice;
  applyTheme();
}

export function applyTheme(): void {
  document.documentElement.dataset.theme = theme.value;
}
