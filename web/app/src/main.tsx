import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "./design/tokens.css";
import "./design/base.css";
import { App } from "./app";
import { settle } from "./preferences";

const root = document.getElementById("root");
if (root === null) throw new Error("the page has no root");
await settle();
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
