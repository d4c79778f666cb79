// Types of the whole API: npx openapi-typescript http://127.0.0.1:8000/openapi.json -o jobforge.d.ts
import type { components, paths } from "./jobforge";

type Result = components["schemas"]["BundleResult"];
type Runs = paths["/v1/runs"]["get"]["responses"]["200"]["content"]["application/json"];
type Problem = components["schemas"]["Problem"];

export async function execute(url: string, key: string, bundle: unknown): Promise<Result> {
  const response = await fetch(`${url}/v1/bundles/execute`, {
    method: "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: JSON.stringify(bundle),
  });
  if (!response.ok) {
    const problem = (await response.json()) as Problem;
    throw new Error(`${problem.code}: ${problem.detail}`);
  }
  return (await response.json()) as Result;
}

export function open(runs: Runs): string[] {
  return runs.items.filter((run) => run.status === "open").map((run) => run.id);
}
