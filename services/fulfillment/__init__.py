"""The fulfillment service: from an order that is ready to parcels at the customer's door."""
