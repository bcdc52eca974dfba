/**
 * Passwords of 12 characters and more that are tried first, and the words people put digits round: lower case, no signs. Short on purpose:
 * the length and the throttle do the work, this takes away what is guessed within ten tries.
 *
 * @source lists of common passwords (SecLists, NCSC 100k), and the habits of Chinese ones: woaini (我爱你), 5201314, phone-like runs
 */
export const KNOWN_BAD: ReadonlySet<string> = new Set(
  `
password passwort passw0rd p@ssw0rd passwordpassword passwordadmin adminpassword password1234 passw0rd1234 mypassword thepassword yourpassword
newpassword changeme changemenow changeitnow pleasechangeme defaultpassword temporarypassword secretpassword supersecret topsecretpassword
administrator adminadmin administratoradmin rootroot rootpassword superuser superadmin sysadmin systemadmin qwerty qwertyuiop qwertyqwerty
qwertyuiopasdf asdfghjkl asdfghjklqwerty letmein letmeinnow letmeinplease iloveyou iloveyouforever iloveyousomuch welcome welcomewelcome welcometomyhome
correcthorsebatterystaple trustno1trustno1 abcdefg abcdefghijkl football footballfootball basketball sunshinesunshine princessprincess
monkeymonkey dragondragon masteradmin unknownunknown internetinternet computercomputer testtest testtesttest testpassword
demopassword guestguest gridtally gridtallyadmin gridtallygridtally gridtallypassword meterreading electricity stategrid stategridchina sgcc sgccadmin
guojiadianwang dianli dianliju woaini woainiwoaini woaini1314520 woaini5201314 5201314woaini woaini521 aini1314520 zhangwei wangwei woaibaobao
admin123admin admin admin123456789 a123456789012 a1b2c3d4e5f6 1a2b3c4d5e6f 123456789abc 123abc456def 123qwe123qwe 1q2w3e4r5t6y 1q2w3e4r5t6y7u
q1w2e3r4t5y6 zaq12wsxcde3 1qaz2wsx3edc 1qaz2wsx3edc4rfv qazwsxedcrfv zxcvbnm zxcvbnmasdfghjkl 147258369147 147258369000 741852963741 112233445566
123321123321 111222333444 123654789123 987654321000 000000000000 520520520520 131452013145 520131452013
`
    .trim()
    .split(/\s+/),
)
