import { reactRouter } from "@react-router/dev/vite";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // The tests call loaders and actions themselves; they need no build of pages.
  plugins: process.env.VITEST ? [] : [reactRouter()],
  test: { include: ["tests/**/*.test.ts"], testTimeout: 60_000, hookTimeout: 60_000 },
});
