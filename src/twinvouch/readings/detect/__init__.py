"""What normal is: estimators learned from commissioning data, and what departs from them."""
