"""How values become bytes and text: the parts behind ``durable.values.payloads``. It must not know events or stores."""
