namespace Aperture.Kernels;

/// <summary>A weight matrix in eight bits as the kernels read it: an element is its row's scale times its code. Borrows everything.</summary>
internal readonly unsafe struct Int8Weights
{
    /// <summary>Codes <c>[outputs, inputs]</c>, from -127 to 127.</summary>
    public required sbyte* Codes { get; init; }

    /// <summary>A scale an output.</summary>
    public required float* Scales { get; init; }

    /// <summary>The sum of an output's codes.</summary>
    public required int* Sums { get; init; }

    /// <summary>A bias an output in float32; null for none.</summary>
    public required float* Bias { get; init; }

    /// <summary>Rows.</summary>
    public required int Outputs { get; init; }

    /// <summary>Columns.</summary>
    public required int Inputs { get; init; }
}
