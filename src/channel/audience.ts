import type { Member } from "./member.ts";

/** The live members of a channel, by what they follow: an event costs by those who get it. */
export class Audience {
  readonly #withoutTopics = new Set<Member>();
  readonly #withTopics = new Set<Member>();
  readonly #byTopic = new Map<string, Set<Member>>();

  add(member: Member): void {
    (member.topics ? this.#withTopics : this.#withoutTopics).add(member);
    for (const topic of member.topics ?? []) {
      const followers = this.#byTopic.get(topic);
      if (followers) followers.add(member);
      else this.#byTopic.set(topic, new Set([member]));
    }
  }

  /** To be called before the member's topics change. */
  delete(member: Member): void {
    this.#withTopics.delete(member);
    this.#withoutTopics.delete(member);
    for (const topic of member.topics ?? []) {
      const followers = this.#byTopic.get(topic);
      followers?.delete(member);
      if (followers?.size === 0) this.#byTopic.delete(topic);
    }
  }

  /** Calls back for everybody who follows the topic; without one, for everybody. */
  forEach(topic: string | null | undefined, call: (member: Member) => void): void {
    this.#withoutTopics.forEach(call);
    // Databases say `null` of what is absent.
    (topic == null ? this.#withTopics : this.#byTopic.get(topic))?.forEach(call);
  }
}
