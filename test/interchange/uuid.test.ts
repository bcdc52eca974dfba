import { expect, it } from 'vitest'
import { stableId } from '../../src/interchange/index.ts'

// As Python's uuid.uuid5 makes it.
it('names the same thing the same way, and other things otherwise', () => {
  expect(stableId('point', 'P-12')).toBe('4b6dd86c-4007-5000-b786-e085ca4f6ea5')
  expect(stableId('a', 'b')).not.toBe(stableId('ab'))
  expect(stableId('a', 'b')).not.toBe(stableId('a,b'))
  expect(stableId('点', '😀')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})
