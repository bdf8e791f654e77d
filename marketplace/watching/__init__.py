"""What people keep an eye on: single devices, and searches whose new devices they want to hear of."""
