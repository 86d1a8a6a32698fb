/** What is run together. Each has half an hour. */
export const GROUPS = {
  endpoint: [
    "test/core/frame.test.ts",
    "test/faults/hostile-requests.test.ts",
    "test/leaks/leaks.test.ts",
    "test/load/*.test.ts",
    "test/model/endpoint.test.ts",
  ],
  channel: ["test/delivery/*.test.ts"],
  redis: ["test/redis/*.test.ts"],
};
