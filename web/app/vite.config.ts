import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// `npm run dev` beside a running `make dev`: name its gateway in RINGLINE_GATEWAY, such as http://localhost:8080.
const gateway = process.env["RINGLINE_GATEWAY"] ?? "http://localhost:8080";

export default defineConfig({
  plugins: [react()],
  build: {
    // light-dark() of the style sheets stays as it is: these know it.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    outDir: "dist",
    target: "es2022",
    sourcemap: false,
    chunkSizeWarningLimit: 700,
    // The packages that are in the bundle, and their licences: served with it, and read for the image's list of parts.
    license: { fileName: "licences.json" },
  },
  server: { proxy: { "/v1": { target: gateway, ws: true } } },
});
