import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/*/src/**/*.test.ts", "app/src/**/*.test.ts"],
    environment: "node",
    isolate: false,
    testTimeout: 120_000, // a busy machine is no fault
  },
});
