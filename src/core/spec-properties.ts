// Properties of the events that the specifications name. What the specification requires is required here, too; all else may be
// missing. The edge checks none of it: clients send what they like. Checked 2026-11-28 against
// https://www.rudderstack.com/docs/event-spec/ecommerce-events-spec/ and its neighbors, and
// https://www.twilio.com/docs/segment/connections/spec/

/** A product, as e-commerce events have it. */
export type SpecProduct = {
  product_id?: string
  sku?: string
  category?: string
  name?: string
  brand?: string
  variant?: string
  /** Of one. */
  price?: number
  quantity?: number
  coupon?: string
  position?: number
  url?: string
  image_url?: string
  [field: string]: unknown
}

type OneProduct = SpecProduct & { currency?: string; value?: number }
type InCart = SpecProduct & { cart_id?: string }
type OnWishlist = SpecProduct & { wishlist_id?: string; wishlist_name?: string }

type SpecOrder = {
  order_id: string
  checkout_id?: string
  affiliation?: string
  /** Revenue with discounts and coupons. */
  subtotal?: number
  /** Revenue with shipping and tax. */
  total?: number
  /** Without shipping and tax. */
  revenue?: number
  value?: number
  shipping?: number
  tax?: number
  discount?: number
  coupon?: string
  /** ISO 4217. */
  currency?: string
  products?: SpecProduct[]
}

type CheckoutStep = {
  checkout_id?: string
  order_id?: string
  step?: number
  shipping_method?: string
  payment_method?: string
}

type ProductList = { list_id?: string; category?: string; products?: SpecProduct[] }
type Promotion = { promotion_id?: string; creative?: string; name?: string; position?: string | number }
type Coupon = {
  order_id?: string
  cart_id?: string
  coupon_id?: string
  coupon_name?: string
  coupon?: string
  discount?: number
}
type Shared = { share_via?: string; share_message?: string; recipient?: string }

type Ecommerce = {
  'Products Searched': { query?: string | Record<string, unknown> }
  'Product List Viewed': ProductList
  'Product List Filtered': ProductList & {
    filters?: { type: string; value: string }[]
    sorts?: { type: string; value: string }[]
  }
  'Promotion Viewed': Promotion
  'Promotion Clicked': Promotion
  'Product Clicked': OneProduct
  'Product Viewed': OneProduct
  'Product Added': InCart
  'Product Removed': InCart
  'Cart Viewed': { cart_id?: string; products?: SpecProduct[] }
  'Checkout Started': Partial<SpecOrder>
  'Checkout Step Viewed': CheckoutStep
  'Checkout Step Completed': CheckoutStep
  'Payment Info Entered': CheckoutStep
  'Order Completed': SpecOrder
  'Order Updated': SpecOrder
  'Order Refunded': SpecOrder
  'Order Cancelled': SpecOrder
  'Coupon Entered': Coupon
  'Coupon Applied': Coupon
  'Coupon Denied': Coupon & { reason?: string }
  'Coupon Removed': Coupon
  'Product Added to Wishlist': OnWishlist
  'Product Removed from Wishlist': OnWishlist
  'Wishlist Product Added to Cart': OnWishlist & InCart
  'Product Shared': SpecProduct & Shared
  'Cart Shared': Shared & { cart_id?: string; products?: SpecProduct[] }
  'Product Reviewed': { product_id?: string; review_id?: string; review_body?: string; rating?: string | number }
}

type Playback = {
  session_id?: string
  content_asset_id?: string | null
  content_asset_ids?: string[]
  content_pod_id?: string | null
  content_pod_ids?: string[]
  ad_asset_id?: string | string[] | null
  ad_asset_ids?: string[]
  ad_pod_id?: string | string[] | null
  ad_pod_ids?: string[]
  ad_type?: string | string[] | null
  ad_types?: string[]
  /** Seconds, as `total_length`, which is null or 0 of a livestream. */
  position?: number
  total_length?: number | null
  /** Kilobits per second. */
  bitrate?: number
  framerate?: number
  video_player?: string
  /** Percent. */
  sound?: number
  full_screen?: boolean
  ad_enabled?: boolean
  quality?: string
  livestream?: boolean
}

type VideoContent = {
  session_id?: string
  asset_id?: string
  pod_id?: string
  program?: string
  title?: string
  description?: string
  season?: string
  episode?: string
  genre?: string
  publisher?: string
  channel?: string
  airdate?: string
  full_episode?: boolean
  livestream?: boolean
  keywords?: string[]
  position?: number
  total_length?: number | null
  bitrate?: number
  framerate?: number
}

type VideoAd = {
  session_id?: string
  asset_id?: string
  pod_id?: string
  pod_position?: number
  pod_length?: number
  type?: string
  title?: string
  publisher?: string
  load_type?: string
  position?: number
  total_length?: number
  quartile?: number
  content?: VideoContent
}

type Video = {
  'Video Playback Started': Playback
  'Video Playback Paused': Playback
  'Video Playback Interrupted': Playback & { method?: string }
  'Video Playback Resumed': Playback
  'Video Playback Completed': Playback
  'Video Playback Exited': Playback
  'Video Playback Buffer Started': Playback
  'Video Playback Buffer Completed': Playback
  'Video Playback Seek Started': Playback & { seek_position?: number }
  'Video Playback Seek Completed': Playback & { seek_position?: number }
  'Video Content Started': VideoContent
  'Video Content Playing': VideoContent
  'Video Content Completed': VideoContent
  'Video Ad Started': VideoAd
  'Video Ad Playing': VideoAd
  'Video Ad Completed': VideoAd
  'Video Quality Updated': { bitrate?: number; framerate?: number; startupTime?: number; droppedFrames?: number }
}

type Build = string | number
type Campaign = {
  source?: string
  name?: string
  medium?: string
  content?: string
  term?: string
  ad_creative?: string
  ad_group?: string
}
type Push = { action?: string; campaign?: Campaign }

type Mobile = {
  'Application Installed': { version?: string; build?: Build }
  'Application Opened': {
    from_background?: boolean
    referring_application?: string
    url?: string
    version?: string
    build?: Build
  }
  'Application Updated': { previous_version?: string; previous_build?: Build; version?: string; build?: Build }
  'Application Backgrounded': unknown
  'Application Foregrounded': unknown
  'Application Crashed': unknown
  'Application Uninstalled': unknown
  'Install Attributed': { provider?: string; campaign?: Campaign }
  'Push Notification Received': Push
  'Push Notification Tapped': Push
  'Push Notification Bounced': Push
  'Deep Link Opened': { provider?: string; url?: string }
  'Deep Link Clicked': { provider?: string; url?: string }
}

type Trial = { trial_start_date?: string; trial_end_date?: string; trial_plan_name?: string }

type Saas = {
  'Account Created': { account_name?: string }
  'Account Deleted': { account_name?: string }
  'Account Added User': { role?: string }
  'Account Removed User': { role?: string }
  'Invite Sent': {
    invitee_email?: string
    invitee_first_name?: string
    invitee_last_name?: string
    invitee_role?: string
  }
  'Signed Up': {
    type?: string
    first_name?: string
    last_name?: string
    email?: string
    phone?: string
    username?: string
    title?: string
    plan?: string
    accountType?: string
  }
  'Signed In': { username?: string }
  'Signed Out': { username?: string }
  'Trial Started': Trial
  'Trial Ended': Trial
}

type Email = { email_id?: string; email_subject?: string; campaign_id?: string; campaign_name?: string }
type Chat = {
  agent_id?: string
  agent_name?: string
  agent_username?: string
  conversation_id?: string
  /** Seconds. */
  conversation_duration?: number
}
type ChatMessage = Chat & { message_id?: string; message_body?: string }

type Messages = {
  'Email Bounced': Email
  'Email Delivered': Email
  'Email Link Clicked': Email & { link_id?: string; link_url?: string }
  'Email Marked as Spam': Email
  'Email Opened': Email
  Unsubscribed: Email & { list_id?: string; list_name?: string }
  'Live Chat Conversation Started': Chat
  'Live Chat Conversation Ended': Chat
  'Live Chat Message Sent': ChatMessage
  'Live Chat Message Received': ChatMessage
}

type Experiments = {
  'Experiment Viewed': {
    experiment_id?: string
    experiment_name?: string
    variation_id?: string
    variation_name?: string
  }
}

/**
 * Properties by the name of the track event, of e-commerce, video, mobile apps, B2B SaaS, email, live chat and experiments.
 */
export type SpecProperties = Ecommerce & Video & Mobile & Saas & Messages & Experiments
