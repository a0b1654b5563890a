"""The timetable as calendars (RFC 5545): what telephones and Outlook read. Only here: icalendar."""
