// The rules for the status page's JavaScript, which runs in browsers alone.
import js from "@eslint/js";

const BROWSER = [
  "AbortSignal", "addEventListener", "Blob", "CSS", "clearTimeout", "document", "fetch", "getComputedStyle", "getSelection",
  "history", "location", "matchMedia", "navigator", "requestAnimationFrame", "ResizeObserver", "sessionStorage",
  "setTimeout", "URL", "URLSearchParams",
]; // prettier-ignore

export default [
  { ignores: ["**/vendor/**", "**/node_modules/**"] },
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    languageOptions: {
      ecmaVersion: 2024,
      sourceType: "module",
      globals: Object.fromEntries([...BROWSER, "uPlot"].map((name) => [name, "readonly"])),
    },
    rules: {
      complexity: ["error", 12],
      eqeqeq: "error",
      "max-lines": ["error", 400],
      "max-lines-per-function": ["error", 50],
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-restricted-properties": [
        "error",
        ...["innerHTML", "outerHTML", "insertAdjacentHTML", "write"].map((property) => ({
          property,
          message: "Text only ever becomes text: use `h` of dom.js.",
        })),
      ],
      "no-shadow": "error",
      "no-var": "error",
      "prefer-const": "error",
      "prefer-template": "error",
    },
  },
];
