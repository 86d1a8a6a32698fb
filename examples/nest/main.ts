import "reflect-metadata";
import { Body, Controller, Get, Module, Post, Req, Res } from "@nestjs/common";
import type { BeforeApplicationShutdown } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import type { NestExpressApplication } from "@nestjs/platform-express";
import { EventChannel, EventEndpoint } from "event-endpoint";
import type { IncomingMessage, ServerResponse } from "node:http";

@Controller("events")
class EventsController implements BeforeApplicationShutdown {
  readonly #channel = new EventChannel();

  /** With `@Res()`, the response is ours: Nest does not end it. Guards and CORS work as ever. */
  @Get()
  stream(@Req() request: IncomingMessage, @Res() response: ServerResponse): void {
    response.setHeader("Set-Cookie", "seen=yes");
    const events = new EventEndpoint(request, response);
    events.addEventListener("close", ({ code }) => console.log(`A stream ended: ${code}`));
    void this.#channel.add(events);
  }

  @Post()
  publish(@Body() text: string): Promise<string> {
    return this.#channel.send(text);
  }

  /** Else the streams would keep the server from closing. */
  beforeApplicationShutdown(): Promise<void> {
    return this.#channel.close();
  }
}

@Module({ controllers: [EventsController] })
class AppModule {}

const app = await NestFactory.create<NestExpressApplication>(AppModule, {
  cors: true,
  bodyParser: false,
  logger: ["error", "warn"],
});
app.useBodyParser("text", { type: () => true });
app.enableShutdownHooks();
await app.listen(process.env["PORT"] ?? 3000);
console.log(`${(await app.getUrl()).replace("[::1]", "localhost")}/events`);
