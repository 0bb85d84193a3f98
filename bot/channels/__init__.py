"""Send messages through Twilio or the simulator. A channel reports the outcome; `messaging` decides what follows."""
