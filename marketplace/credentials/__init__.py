"""What people and sites proved: licences, certificates and registrations, checked against their primary sources."""
