using System.Reflection;

namespace Aperture.Scripting;

/// <summary>
/// The objects of the submissions that stay: slot 0 is the globals object, slot n the n-th submission that has code. The compiler numbers the slots the same
/// way.
/// </summary>
internal sealed class SubmissionChain(object globals)
{
    private const BindingFlags Declared =
        BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
    private object?[] _slots = [globals, null];
    private int _count = 1;

    /// <summary>The array to hand to a factory, with room for its submission.</summary>
    public object?[] Slots
    {
        get
        {
            if (_count >= _slots.Length)
            {
                Array.Resize(ref _slots, _slots.Length * 2);
            }

            return _slots;
        }
    }

    /// <summary>The object of the submission that has just run; null if it had no code.</summary>
    public object? Last => _count < _slots.Length ? _slots[_count] : null;

    /// <summary>The variables that the object of a submission holds.</summary>
    public static IReadOnlyList<FieldInfo> VariablesOf(object submission) =>
        [.. submission.GetType().GetFields(Declared).Where(field => IsUserNamed(field.Name))];

    /// <summary>Keeps the submission that has just run.</summary>
    public void Keep()
    {
        if (_count < _slots.Length && _slots[_count] is not null)
        {
            _count++;
        }
    }

    /// <summary>Forgets the submission that has just failed.</summary>
    public void Drop()
    {
        if (_count < _slots.Length)
        {
            _slots[_count] = null;
        }
    }

    /// <summary>Forgets the last submission that was kept, if there is one.</summary>
    public void RemoveLast()
    {
        if (_count > 1)
        {
            Remove(_count - 1);
        }
    }

    /// <summary>Forgets a submission; those after it move up.</summary>
    public void Remove(int slot)
    {
        Array.Copy(_slots, slot + 1, _slots, slot, _slots.Length - slot - 1);
        _slots[^1] = null;
        _count--;
    }

    /// <summary>
    /// Whether a submission that failed left something the next one can use: a type, a method, or a variable that had been assigned before the failure.
    /// If not it is dropped, so that <c>var x = Fails();</c> does not hide an earlier <c>x</c> behind a null.
    /// </summary>
    public bool LastLeftSomething()
    {
        if (Last is not { } last)
        {
            return false;
        }

        Type type = last.GetType();
        return type.GetNestedTypes(Declared).Any(t => IsUserNamed(t.Name))
            || type.GetMethods(Declared).Any(m => IsUserNamed(m.Name) && !m.IsSpecialName)
            || VariablesOf(last).Any(f => !IsDefault(f.GetValue(last)));
    }

    /// <summary>The variables that the next submission would see, later ones hiding earlier ones.</summary>
    public IReadOnlyList<ScriptVariable> Variables()
    {
        Dictionary<string, ScriptVariable> variables = new(StringComparer.Ordinal);
        foreach (object submission in _slots[1.._count].OfType<object>())
        {
            foreach (FieldInfo field in VariablesOf(submission))
            {
                variables[field.Name] = new ScriptVariable(field.Name, field.FieldType, field.GetValue(submission));
            }
        }

        return [.. variables.Values];
    }

    public void Clear()
    {
        _slots = [null, null];
        _count = 1;
    }

    private static bool IsUserNamed(string name) => !name.Contains('<', StringComparison.Ordinal);

    private static bool IsDefault(object? value) => value is null || (value is ValueType && value.Equals(Activator.CreateInstance(value.GetType())));
}
