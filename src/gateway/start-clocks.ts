import { ClockStore } from '../collection/clock-store.ts'
import { ClockActs } from './clock-acts.ts'
import { type ClockDeps, ClockKeeper } from './clock-keeper.ts'
import { type ClockViews, clockViews } from './clock-views.ts'

/** The clocks of a running gateway. */
export interface Clocks {
  readonly views: ClockViews
  /** For clocks that are on no line. */
  readonly keeper: ClockKeeper
  start(): void
  /** Other settings, from now on. */
  use(config: ClockDeps['config']): void
  /** Ends what is under way, within the time given. */
  stop(withinMs: number): Promise<void>
  /** Closes the file; after {@link stop}. */
  close(): void
}

/** Opens `<directory>/clocks.db` and everything that works on clocks; nothing is asked before `start`. */
export const openClocks = ({ directory, ...deps }: Omit<ClockDeps, 'store'> & { readonly directory: string }): Clocks => {
  const store = new ClockStore(directory)
  const keeper = new ClockKeeper({ ...deps, store })
  return {
    keeper,
    views: clockViews(keeper, new ClockActs(keeper)),
    start: () => keeper.start(),
    use: (config) => keeper.use(config),
    stop: (withinMs) => keeper.stop(withinMs),
    close: () => store.close(),
  }
}
