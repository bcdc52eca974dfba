import { exportFailure } from '../export/index.ts'
import { problemOf } from './problems.ts'
import type { ResultKind } from './results/types.ts'

/** What can be had as a file: results of their own, and every list by its name. */
export interface ResultKinds {
  readonly own: readonly ResultKind[]
  readonly lists: ReadonlyMap<string, ResultKind>
}

export const resultNamed = ({ own, lists }: ResultKinds, name: string): ResultKind | null =>
  own.find((kind) => kind.name === name) ?? lists.get(name) ?? null

export const unknownResult = (name: string) => problemOf('unknown', exportFailure('EXPORT_RESULT', `there is no result "${name}"`).error)
