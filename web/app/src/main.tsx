import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "./design/tokens.css";
import "./design/base.css";
import { App } from "./app";
import { settle } from "./preferences";

// All of the page is of one release (again.js).
dispatchEvent(new Event("ringline:there"));
const root = document.getElementById("root");
if (root === null) throw new Error("the page has no root");
await settle();
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
