const list = (text: string): readonly string[] => text.trim().split(/\s*[,\n]\s*/)

/** What the made-up shop of the benchmarks sells, and who buys there. */
export const words = {
  firstNames:
    list(`Ada, Grace, Alan, Edsger, Barbara, Donald, Katherine, Dennis, Radia, Linus, Margaret, Ken, Hedy, Tim, Joan,
    Niklaus, Frances, Tony, Mary, John, Adele, Leslie, Jean, Claude, Anita, Vint, Karen, Edgar, Shafi, Andrew, Sophie, Guido`),
  lastNames:
    list(`Lovelace, Hopper, Turing, Dijkstra, Liskov, Knuth, Johnson, Ritchie, Perlman, Torvalds, Hamilton, Thompson,
    Lamarr, Clarke, Wirth, Allen, Hoare, Keller, Backus, Goldberg, Lamport, Bartik, Shannon, Borg, Cerf, Jones, Codd,
    Goldwasser, Tanenbaum, Wilson, Kernighan, Holberton`),
  mailHosts: list(
    'example.com, example.org, mail.example.net, post.example.eu, inbox.example.co.uk, letters.example.de',
  ),
  adjectives:
    list(`Quiet, Northern, Copper, Linen, Amber, Folding, Midnight, Alpine, Woven, Harbour, Granite, Velvet, Coastal,
    Maple, Ivory, Rustic, Slate, Meadow, Cobalt, Feather, Walnut, Saffron, Arctic, Clay, Juniper, Marble, Olive, Ember,
    Willow, Brass, Indigo, Pebble, Cedar, Sienna, Frosted, Birch, Garnet, Moss, Pearl, Thistle`),
  things:
    list(`Desk Lamp, Wool Blanket, Tea Kettle, Rain Jacket, Cutting Board, Wall Clock, Travel Mug, Bookshelf, Floor Cushion,
    Hiking Boots, Notebook Set, Coffee Grinder, Picture Frame, Bath Towel, Canvas Backpack, Serving Bowl, Reading Chair,
    Bicycle Bell, Table Runner, Plant Stand, Camping Stove, Umbrella, Door Mat, Candle Holder, Running Shirt, Salad Bowl,
    Desk Organiser, Swim Goggles, Bread Knife, Jewellery Box, Winter Scarf, Puzzle, Water Bottle, Garden Trowel, Side Table`),
  brands:
    list(`Halden & Co, Nordlys, Ostergaard, Fernwood, Brightwater, Kitano, Laurel Works, Meridian, Pine Street, Quillfeather,
    Rowan Lane, Saltmarsh, Tamsin, Underhill, Valdres, Wexford`),
  categories:
    list(`Home / Lighting, Home / Textiles, Kitchen / Tools, Kitchen / Tableware, Outdoor / Clothing, Outdoor / Camping,
    Office / Stationery, Office / Furniture, Garden / Tools, Sports / Running, Sports / Cycling, Gifts / Under 25`),
  variants: list(
    'Small, Medium, Large, Extra Large, Set of two, Set of four, Left, Right, 0.5 l, 1 l, 40 × 60 cm, 90 × 120 cm',
  ),
  colors: list(
    'sand, forest green, charcoal, off-white, terracotta, navy, mustard, rose, graphite, sky blue, rust, lilac',
  ),
  coupons: list('SPRING10, WELCOME, FREESHIP, BIRTHDAY, WEEKEND15, THANKYOU, COMEBACK5'),
  campaigns:
    list(`spring_newsletter, retargeting_carts, brand_search, gift_guide, summer_clearance, loyalty_week, partner_blog,
    outdoor_days, back_to_desk, winter_warmers`),
  channels: list(
    'newsletter / email, google / cpc, meta / paid_social, partner / referral, bing / cpc, podcast / audio',
  ),
  referrers:
    list(`https://www.google.com/, https://duckduckgo.com/, https://www.bing.com/, https://news.example.org/shopping/best-gifts,
    https://blog.example.net/2026/desk-setup, https://www.instagram.com/, https://mail.example.com/inbox`),
  searches:
    list(`lamp for reading in bed, waterproof jacket women, gift for a colleague, small side table, wool blanket 150x200,
    coffee grinder quiet, hiking boots wide, notebook dotted a5, umbrella windproof, scarf green`),
  zones: list(
    'Europe/Berlin, Europe/London, Europe/Paris, America/New_York, America/Chicago, Asia/Tokyo, Australia/Sydney',
  ),
  locales: list('de-DE, en-GB, fr-FR, en-US, es-ES, ja-JP, nl-NL, it-IT, pt-BR, sv-SE'),
  payments: list('card, paypal, invoice, apple_pay, google_pay, gift_card'),
  shippings: list('standard, express, pick-up point, same day'),
  titles:
    list(`New arrivals, Gifts under 25, Kitchen tools, Your basket, Order history, Delivery and returns, About our makers,
    Outdoor clothing, Reading corner, Sale, Sign in, Wish list`),
} as const
