import { render } from "preact";
import { App } from "./app.tsx";
import { applyTheme } from "./shell/theme.ts";
import "./styles/index.css";

applyTheme();
const page = document.getElementById("page");
if (page) render(<App />, page);
