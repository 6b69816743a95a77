Number = Complex = Real = Rational = (int, float)
Integral = int
