/** Something in the input that is not as it should be: where it stands, what it is, and what was done about it. */
export interface InputProblem {
  readonly code: ProblemCode
  readonly file: string
  /** Line of the file, the header being 1; null = not of one line. */
  readonly row: number | null
  readonly what: string
}

/** Every way an input can be wrong, and what is done about it. */
export const PROBLEMS = {
  'file-unreadable': 'give a path that can be read',
  'file-empty': 'the file holds nothing: export it again',
  'file-broken': 'rows before the break are used: copy or export the file again',
  'column-missing': 'without this column the values count as not read',
  'column-unknown': 'the column is not used',
  'row-short': 'the cells that are missing count as not read',
  'row-long': 'the cells too many are not used',
  'value-bad': 'the cell counts as not read',
  'register-negative': 'a register is never negative: the cell counts as not read',
  'time-bad': 'the row is not used: write times as 2026-11-21T00:15:00+08:00',
  'time-without-zone': "taken as local time of the ledger's zone",
  'time-off-grid': 'the register is used at its own instant; voltages, currents and power are not',
  'clock-far-off': 'the row is not used: the clock of the meter or of the reader stood wrong',
  'rows-unsorted': 'sorted by time before use',
  'row-duplicate': 'the second one is not used',
  'row-conflict': 'the one that fits the registers before and after is used, else the first',
  'meter-unknown': 'the ledger does not have it: its rows are not used',
  'meter-silent': 'nothing was read of it: figures that need it are not computable',
  'meter-twice': 'the first entry is used',
  'ledger-bad': 'the entry is not used',
  'ratio-bad': 'a ratio is above zero: the energy of this meter is not known until it is put right',
  'gateway-none': 'loss is not computable without a meter that feeds the area',
  'gateway-two': 'both are summed: right only when both feed the area',
  'area-unknown': 'the meter is judged by itself, in no balance',
  'zone-bad': 'UTC is used',
} as const
export type ProblemCode = keyof typeof PROBLEMS

/** Shown in full; what is beyond is counted. */
const MOST_SHOWN = 20

export interface ProblemList {
  add(code: ProblemCode, file: string, row: number | null, what: string): void
  /** Of each kind and file the first ones in full, and how many there are of all. */
  summary(): {
    readonly shown: readonly (InputProblem & { readonly cure: string })[]
    readonly counts: readonly { readonly code: ProblemCode; readonly file: string; readonly count: number }[]
  }
}

export const problemList = (): ProblemList => {
  const kinds = new Map<string, { code: ProblemCode; file: string; count: number; first: InputProblem[] }>()
  return {
    add: (code, file, row, what) => {
      const key = `${file} ${code}`
      let kind = kinds.get(key)
      if (!kind) {
        kind = { code, file, count: 0, first: [] }
        kinds.set(key, kind)
      }
      kind.count++
      if (kind.first.length < MOST_SHOWN) kind.first.push({ code, file, row, what })
    },
    summary: () => ({
      shown: [...kinds.values()].flatMap(({ first }) => first.map((problem) => ({ ...problem, cure: PROBLEMS[problem.code] }))),
      counts: [...kinds.values()].map(({ code, file, count }) => ({ code, file, count })),
    }),
  }
}
