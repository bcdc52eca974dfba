import type { Variant } from './frame.ts'
import { hex, type Item, item } from './item.ts'
import { item1997 } from './items-1997.ts'
import { item2007 } from './items-2007.ts'

/** Items already made; a stream of made-up identifiers must not fill the memory. */
const MAX_CACHED = 4096
const caches: Readonly<Record<Variant, Map<string, Item>>> = { 2007: new Map(), 1997: new Map() }

/** Digits of a data identifier. */
export const DI_DIGITS: Readonly<Record<Variant, number>> = { 2007: 8, 1997: 4 }

/**
 * What the answer to a data identifier (数据标识) holds. An identifier that no table knows gives an item that passes its bytes through.
 *
 * @param di  eight digits in 2007, four in 1997, most significant first, upper case
 */
export const itemOf = (variant: Variant, di: string): Item => {
  const cache = caches[variant]
  const cached = cache.get(di)
  if (cached) return cached
  const made = (variant === '2007' ? item2007(di) : item1997(di)) ?? item(variant, di, 'unknown data item', '', hex(0), { known: false })
  if (cache.size >= MAX_CACHED) cache.clear()
  cache.set(di, made)
  return made
}
