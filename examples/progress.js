import { createServer } from "node:http";
import { setTimeout } from "node:timers/promises";
import { EventChannel, EventEndpoint } from "event-endpoint";

const STEPS = 10;

/** Work that takes a while, and any number of people who watch it. */
class Job {
  #state = { done: 0, of: STEPS };
  // Nothing has to be replayed: whoever comes, or comes back, gets the present state.
  #watchers = new EventChannel({ log: false });

  async run() {
    for (let done = 1; done <= STEPS; done++) {
      await setTimeout(200);
      this.#state = { done, of: STEPS, ...(done === STEPS && { result: "/files/42" }) };
      await this.#watchers.send(this.#state);
    }
    // An EventSource would come back for ever. It does once, within a second, and is told to stop.
    await this.#watchers.close({ noReconnect: true, spread: [100, 1000] });
    console.log("The job is done");
  }

  watch(events) {
    events.send(this.#state);
    this.#watchers.add(events); // when the job is done, it is told to stop at once
  }
}

const jobs = [];

const server = createServer((req, res) => {
  if (req.method === "POST" && req.url === "/jobs") {
    const job = new Job();
    job.run();
    const path = `/jobs/${jobs.push(job) - 1}`;
    return res.writeHead(201, { Location: path }).end(`${path}\n`);
  }
  const job = jobs[/^\/jobs\/(\d+)$/.exec(req.url)?.[1]];
  if (!job) return res.writeHead(404).end();
  const events = new EventEndpoint(req, res);
  events.addEventListener("close", ({ code }) => console.log(`A watcher is gone: ${code}`));
  job.watch(events);
});

server.listen(process.env.PORT ?? 3000, () => {
  console.log(`curl -X POST http://localhost:${server.address().port}/jobs`);
});
