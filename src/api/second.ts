import { mayDo, type Principal, personOf } from '../access/principals.ts'
import type { Permission } from '../access/roles.ts'
import type { AccessDeps } from './access-deps.ts'

/**
 * The second person of an act that needs two, by a token of his own. Two tokens of one user are one person, and so are two that go by
 * the same name.
 *
 * @param text  the token that was shown for him
 * @returns     null when it is not accepted, is of the same person, or may not do this
 */
export const anotherPerson = (
  { authenticate }: Pick<AccessDeps, 'authenticate'>,
  first: Principal | null,
  text: string,
  permission: Permission,
): Principal | null => {
  const second = authenticate({ kind: 'bearer', text }, true)
  if (first === null || second === null || !mayDo(second, permission)) return null
  return personOf(first) === personOf(second) || first.name === second.name ? null : second
}
