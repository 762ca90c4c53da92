import { join } from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  root: join(import.meta.dirname, ".."),
  test: {
    include: ["vitest/*.test.jsx", "dist/guides/tests/*.test.js"],
    // Built pages and guides are looked for in vain otherwise.
    exclude: ["node_modules"],
    // A busy machine needs a while to make a page.
    testTimeout: 30_000,
  },
});
