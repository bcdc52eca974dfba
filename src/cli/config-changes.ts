import { type ConfigChange, changesOf, changeText, type GatewayConfig, plainConfig, readRunning } from '../config/index.ts'

/** What a file would change in the gateway that runs with its data directory; null: none runs. */
export const changesForRunning = (config: GatewayConfig): readonly ConfigChange[] | null => {
  const running = readRunning(config.dataDirectory)
  return running && changesOf(running.config, plainConfig(config, running.key))
}

/** Each change with what it needs, restarts first. */
export const changeLines = (changes: readonly ConfigChange[]): readonly string[] => {
  const first = (change: ConfigChange) => (change.effect === 'restart' ? 0 : change.effect === 'reopens' ? 1 : 2)
  return [...changes].sort((a, b) => first(a) - first(b)).map(changeText)
}
