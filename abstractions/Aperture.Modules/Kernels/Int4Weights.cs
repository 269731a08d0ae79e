namespace Aperture.Kernels;

/// <summary>
/// A weight matrix in four bits as the kernels read it. Inputs are in groups of 32; an element is its output's scale times its group's factor times (code -
/// zero), and factor times (code - zero) is a whole number from -127 to 127. Two codes a byte, the one of the lower input in the lower half. Borrows
/// everything.
/// </summary>
internal readonly unsafe struct Int4Weights
{
    /// <summary>Inputs of a group.</summary>
    public const int Group = 32;

    /// <summary>Codes from 0 to 15, <c>[outputs, groups, 16]</c>; inputs behind the last have any.</summary>
    public required byte* Codes { get; init; }

    /// <summary>Factors from 0 to 127, <c>[outputs, groups]</c>.</summary>
    public required byte* Factors { get; init; }

    /// <summary>Factor times zero, from 0 to 127, <c>[outputs, groups]</c>.</summary>
    public required byte* Shifts { get; init; }

    /// <summary>A scale an output.</summary>
    public required float* Scales { get; init; }

    /// <summary>A bias an output in float32; null for none.</summary>
    public required float* Bias { get; init; }

    /// <summary>Rows.</summary>
    public required int Outputs { get; init; }

    /// <summary>Columns.</summary>
    public required int Inputs { get; init; }

    /// <summary>Groups of a row; the last may be partly filled.</summary>
    public int Groups => GroupsOf(Inputs);

    /// <summary>Groups of rows of a width.</summary>
    public static int GroupsOf(int inputs) => (inputs + Group - 1) / Group;
}
