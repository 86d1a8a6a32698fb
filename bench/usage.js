/**
 * Begins to measure what this process costs: CPU in user and system mode, of all its threads.
 *
 * @returns {() => { cpuMicros: number, cpuShare: number }} ends it, and answers with the CPU and
 *   the part of one core that it is
 */
export function beginUsage() {
  const startedAt = performance.now();
  const started = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(started);
    const cpuMicros = user + system;
    return { cpuMicros, cpuShare: cpuMicros / ((performance.now() - startedAt) * 1000) };
  };
}
