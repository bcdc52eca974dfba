/** What a plan asks for: one value and the registers that have to come in one request to know it. */
export interface PlanItem {
  /** Position in the plan; the planner only hands it on. */
  readonly index: number
  readonly function: number
  /** First register, zero-based. */
  readonly start: number
  /** Register behind the last one. A value with a scale factor spans both. */
  readonly end: number
  /** Values of one group come from one request (tariffs that add up; power of one instant). */
  readonly group?: string
}

/** One request: registers `start` to `end - 1` of a function. */
export interface Block<Item extends PlanItem = PlanItem> {
  readonly function: number
  readonly start: number
  readonly end: number
  readonly items: readonly Item[]
}

/** Registers that a device refuses to give in one request: a hole, a limit, or a value that does not exist. */
export interface Avoided {
  readonly function: number
  readonly start: number
  readonly end: number
}

export interface PlanLimits {
  /** Longest read, registers. */
  readonly maxRegisters: number
  /** How many registers nobody asked for a request may span. */
  readonly mergeGap: number
}

const covers = (start: number, end: number, { start: from, end: to }: Avoided): boolean => start <= from && end >= to

/**
 * Merges values into requests: grouped by function, sorted by address, neighbours merged while the hole is at most `mergeGap` and the
 * whole at most `maxRegisters`. A value is never cut and never shifted: a request starts and ends with a whole value. No request covers
 * the whole of an avoided span.
 *
 * @returns  the requests in order of address, and the values that cannot be asked for at all
 */
export const planBlocks = <Item extends PlanItem>(
  items: readonly Item[],
  limits: PlanLimits,
  avoided: readonly Avoided[] = [],
): { readonly blocks: readonly Block<Item>[]; readonly refused: readonly Item[] } => {
  const blocks: Block<Item>[] = []
  const refused: Item[] = []
  for (const code of [...new Set(items.map((item) => item.function))].sort((a, b) => a - b)) {
    const here = avoided.filter((span) => span.function === code)
    const allowed = (start: number, end: number) => end - start <= limits.maxRegisters && !here.some((span) => covers(start, end, span))
    let open: Block<Item> | null = null
    for (const atom of atomsOf(
      items.filter((item) => item.function === code),
      allowed,
    )) {
      if (!allowed(atom.start, atom.end)) {
        refused.push(...atom.items)
        continue
      }
      const merged: Block<Item> | null = open && merge(open, atom)
      if (open && merged && atom.start - open.end <= limits.mergeGap && allowed(merged.start, merged.end)) open = merged
      else {
        if (open) blocks.push(open)
        open = atom
      }
    }
    if (open) blocks.push(open)
  }
  return { blocks, refused }
}

const merge = <Item extends PlanItem>(a: Block<Item>, b: Block<Item>): Block<Item> => ({
  function: a.function,
  start: Math.min(a.start, b.start),
  end: Math.max(a.end, b.end),
  items: [...a.items, ...b.items],
})

const blockOf = <Item extends PlanItem>(items: readonly [Item, ...Item[]]): Block<Item> => ({
  function: items[0].function,
  start: Math.min(...items.map((item) => item.start)),
  end: Math.max(...items.map((item) => item.end)),
  items,
})

/** Smallest requests: single values, and groups as long as the device gives them in one piece. Sorted by address. */
const atomsOf = <Item extends PlanItem>(items: readonly Item[], allowed: (start: number, end: number) => boolean): Block<Item>[] => {
  const groups = new Map<string, [Item, ...Item[]]>()
  const atoms: Block<Item>[] = []
  for (const item of items) {
    const members = item.group === undefined ? undefined : groups.get(item.group)
    if (members) members.push(item)
    else if (item.group !== undefined) groups.set(item.group, [item])
    else atoms.push(blockOf([item]))
  }
  for (const members of groups.values()) {
    const whole = blockOf(members)
    if (allowed(whole.start, whole.end)) atoms.push({ ...whole, items: [...members].sort(byStart) })
    else atoms.push(...members.map((item) => blockOf([item])))
  }
  return atoms.sort((a, b) => a.start - b.start || a.end - b.end)
}

const byStart = (a: PlanItem, b: PlanItem): number => a.start - b.start || a.end - b.end

/**
 * Halves a refused request: at its widest hole first, since a hole is the usual reason, else in the middle. Groups are kept whole while
 * there is anything else to cut.
 *
 * @returns  null for a single value
 */
export const splitBlock = <Item extends PlanItem>(block: Block<Item>): readonly [Block<Item>, Block<Item>] | null => {
  const items = [...block.items].sort(byStart)
  let best = -1
  let bestScore = Number.NEGATIVE_INFINITY
  let end = 0
  for (let cut = 1; cut < items.length; cut++) {
    end = Math.max(end, items[cut - 1]!.end)
    const hole = Math.max(0, items[cut]!.start - end)
    const sameGroup = items[cut]!.group !== undefined && items[cut]!.group === items[cut - 1]!.group
    const score = (sameGroup ? -1e9 : 0) + hole * 1e4 - Math.abs(2 * cut - items.length)
    if (score > bestScore) {
      bestScore = score
      best = cut
    }
  }
  const [first, ...left] = items.slice(0, best)
  const [second, ...right] = items.slice(best)
  return best > 0 && first && second ? [blockOf([first, ...left]), blockOf([second, ...right])] : null
}

/**
 * What there is to avoid after a request was refused and both its halves were answered: the hole between them, or, where they touch,
 * a request across the seam.
 */
export const seamOf = (left: Block, right: Block): Avoided => {
  if (right.start > left.end) return { function: left.function, start: left.end, end: right.start }
  if (right.start === left.end) return { function: left.function, start: left.end - 1, end: right.start + 1 }
  return { function: left.function, start: Math.min(left.start, right.start), end: Math.max(left.end, right.end) }
}
