import type { Member } from "./member.ts";

/** The live members of a channel, by what they follow: an event costs by those who get it. */
export class Audience {
  readonly #everybody = new Set<Member>();
  readonly #withoutTopics = new Set<Member>();
  readonly #byTopic = new Map<string, Set<Member>>();

  add(member: Member): void {
    this.#everybody.add(member);
    if (!member.topics) this.#withoutTopics.add(member);
    for (const topic of member.topics ?? []) {
      const followers = this.#byTopic.get(topic);
      if (followers) followers.add(member);
      else this.#byTopic.set(topic, new Set([member]));
    }
  }

  /** To be called before the member's topics change. */
  delete(member: Member): void {
    this.#everybody.delete(member);
    this.#withoutTopics.delete(member);
    for (const topic of member.topics ?? []) {
      const followers = this.#byTopic.get(topic);
      followers?.delete(member);
      if (followers?.size === 0) this.#byTopic.delete(topic);
    }
  }

  /** Calls back for everybody who follows the topic; without one, for everybody. */
  forEach(topic: string | null | undefined, call: (member: Member) => void): void {
    // Databases say `null` of what is absent.
    if (topic == null) return this.#everybody.forEach(call);
    this.#withoutTopics.forEach(call);
    this.#byTopic.get(topic)?.forEach(call);
  }
}
